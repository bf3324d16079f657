"""A pipeline on a Hugging Face hub: the few files it needs, downloaded into the hub's own cache.

`huggingface_hub` puts a file into its cache only once it is whole, and remembers which files a
commit has; so a broken download is an error now, and later calls fetch what is missing or, without
network, refuse. ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, ``HF_HUB_CACHE`` and ``HF_TOKEN`` work as
everywhere: the library reads them when it is imported.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, ResolvedRevision, get_cached_repo_tree
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from accel_exporter.libraries import one_line
from accel_exporter.sources.common import folder_listing, is_description
from accel_exporter.sources.fitness import check_fitness
from accel_exporter.sources.local import FolderSource, folder_source, open_folder
from accel_exporter.sources.model_index import MODEL_INDEX, read_model_index
from accel_exporter.sources.selection import select_files
from accel_exporter.sources.source import Origin
from accel_runtime.errors import AccelError, SourceError


def open_hub(
    repo_id: str,
    *,
    revision: str | None,
    variant: str | None,
    cache_dir: Path | None,
    api: HfApi | None = None,
) -> FolderSource:
    """Return the pipeline of a hub repository, downloading what is not in the cache yet.

    Args:
        repo_id: ``organisation/name``.
        revision: A branch, tag or commit; the default branch if None.
        variant: The weights variant to prefer, such as ``fp16``.
        cache_dir: Where downloads are kept; the hub library's own place if None.
        api: The hub to ask; the one of the environment if None.

    Raises:
        SourceError: The repository cannot be reached or read, or is no pipeline of ours.
        ExportError: Its parts do not fit; see `check_fitness`.
    """
    hub = _Repository(repo_id, cache_dir=cache_dir, api=api or HfApi())
    with _asking(repo_id, revision), _muted():
        commit = hub.resolve(revision)
        origin = Origin(repo_id, revision=commit.resolved, weights="trained", seed=None)
        folder = hub.download([MODEL_INDEX], commit)
        names = select_files(hub.listing(folder, commit), read_model_index(folder), variant=variant)
        folder = hub.download([name for name in names if is_description(name)], commit)
    # Before any weights are downloaded for a pipeline that we cannot export.
    check_fitness(folder_source(folder, names, variant=variant, origin=origin))
    with _asking(repo_id, revision), _muted():
        folder = hub.download(names, commit)
    return open_folder(folder, variant=variant, origin=origin)


class _Repository:
    """The three questions we have for one repository."""

    def __init__(self, repo_id: str, *, cache_dir: Path | None, api: HfApi) -> None:
        self._repo_id = repo_id
        self._cache_dir = cache_dir
        self._api = api

    def resolve(self, revision: str | None) -> ResolvedRevision:
        """Return the commit a revision stands for, so that all files come from one commit."""
        return self._api.resolve_revision(self._repo_id, revision=revision, cache_dir=self._cache_dir)

    def listing(self, folder: Path, commit: ResolvedRevision) -> frozenset[str]:
        """Return the names of all files of the commit, as the last `download` noted them."""
        try:
            tree = get_cached_repo_tree(self._repo_id, revision=commit, cache_dir=self._cache_dir)
        except CachedRepoTreeNotFoundError:
            # Offline, and an older version of the library filled the cache: what is there counts.
            return folder_listing(folder)
        return frozenset(file.path for file in tree)

    def download(self, names: Sequence[str], commit: ResolvedRevision) -> Path:
        """Return the folder with ``names``, all of them whole."""
        folder = self._api.snapshot_download(
            self._repo_id, revision=commit, cache_dir=self._cache_dir, allow_patterns=list(names)
        )
        # What is a link to nothing is told by who opens the folder.
        missing = set(names) - folder_listing(Path(folder))
        if missing:
            raise SourceError(f"hub repository '{self._repo_id}' has no {min(missing)}")
        return Path(folder)


@contextmanager
def _asking(repo_id: str, revision: str | None) -> Iterator[None]:
    """Turn every failure of the hub library into one line about ``repo_id``."""
    where = f"hub repository '{repo_id}'"
    try:
        yield
    except AccelError:
        raise
    except GatedRepoError as error:
        raise SourceError(f"{where} is gated: accept its terms on the hub, then set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise SourceError(f"{where} does not exist, or is private: check the id, or set HF_TOKEN") from error
    except RevisionNotFoundError as error:
        raise SourceError(f"{where} has no revision '{revision}'") from error
    except HFValidationError as error:
        raise SourceError(f"'{repo_id}' is not a hub id: expected organisation/name") from error
    except (RevisionResolutionError, LocalEntryNotFoundError) as error:
        raise SourceError(
            f"{where} is not (wholly) in the cache, and the hub cannot be reached: go online once"
        ) from error
    except Exception as error:
        raise SourceError(
            f"{where}: the download failed ({one_line(error)}); nothing partial was kept, try again"
        ) from error


@contextmanager
def _muted() -> Iterator[None]:
    """Mute the hub library's logs, and its progress bars unless someone watches."""
    level = hub_logging.get_verbosity()
    hide_bars = not sys.stderr.isatty() and not are_progress_bars_disabled()
    hub_logging.set_verbosity(logging.CRITICAL)
    if hide_bars:
        disable_progress_bars()
    try:
        yield
    finally:
        hub_logging.set_verbosity(level)
        if hide_bars:
            enable_progress_bars()
