"""How much of a caption a picture shows, fact by fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from accel_bench.quality.scenes.read import SeenObject, SeenScene
from accel_bench.quality.scenes.scene import Group, Relation, Scene

ATTRIBUTES: Final = ("colour", "count", "size", "shape", "relation", "ground", "light", "nothing else")


@dataclass(frozen=True, slots=True)
class Facts:
    """Whether what a caption states is there.

    Attributes:
        right: By attribute: one answer for each group, or one for the picture.
    """

    right: Mapping[str, tuple[bool, ...]]

    @property
    def share(self) -> float:
        """The share of the facts that are right."""
        return mean(answer for answers in self.right.values() for answer in answers)

    @property
    def all_right(self) -> bool:
        """Whether every fact is right."""
        return all(answer for answers in self.right.values() for answer in answers)


def check_facts(scene: Scene, seen: SeenScene) -> Facts:
    """Hold a picture against its caption.

    A group's count is right when so many objects of its colour are seen. Its size and its shape are right when all
    those objects have them, and there is one at least.
    """
    found = [(group, seen.of(group.colour)) for group in scene.groups]
    colours = {group.colour for group in scene.groups}
    return Facts(
        {
            "colour": tuple(bool(objects) for _, objects in found),
            "count": tuple(len(objects) == group.count for group, objects in found),
            "size": tuple(_all(objects, group, "size") for group, objects in found),
            "shape": tuple(_all(objects, group, "shape") for group, objects in found),
            "relation": (_is_related(scene.relation, *(objects for _, objects in found)),),
            "ground": (seen.ground is scene.ground,),
            "light": (bool(seen.objects) and seen.light is scene.light,),
            "nothing else": (all(each.colour in colours for each in seen.objects),),
        }
    )


def accuracy(facts: Sequence[Facts]) -> dict[str, float]:
    """The share of right answers by attribute, then over all facts, then of captions with every fact right."""
    answers = {name: [answer for each in facts for answer in each.right[name]] for name in ATTRIBUTES}
    shares = {name: mean(given) for name, given in answers.items()}
    return {**shares, "facts": mean(each.share for each in facts), "captions": mean(each.all_right for each in facts)}


def _all(objects: Sequence[SeenObject], group: Group, name: str) -> bool:
    return bool(objects) and all(getattr(each, name) is getattr(group, name) for each in objects)


def _is_related(relation: Relation, first: Sequence[SeenObject], second: Sequence[SeenObject]) -> bool:
    if not first or not second:
        return False
    right = mean(each.x for each in first) - mean(each.x for each in second)
    down = mean(each.y for each in first) - mean(each.y for each in second)
    distance = {Relation.LEFT: -right, Relation.RIGHT: right, Relation.ABOVE: -down, Relation.BELOW: down}
    return distance[relation] > 0
