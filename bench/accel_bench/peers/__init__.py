"""Peers: other software that draws the same picture, each behind an adapter in its own process and environment."""

from accel_bench.peers.catalogue import PEERS, PeerChoice, PeerKind, parse_peer
from accel_bench.peers.contender import PeerContender, Residence
from accel_bench.peers.opening import open_peers
from accel_bench.peers.work import PeerWork, peer_work

__all__ = [
    "PEERS",
    "PeerChoice",
    "PeerContender",
    "PeerKind",
    "PeerWork",
    "Residence",
    "open_peers",
    "parse_peer",
    "peer_work",
]
