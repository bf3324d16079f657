from accel_bench.quality.captions import CAPTIONS, data_file, read_captions
from accel_training.cli import Stage
from accel_training.objects import OBJECTS
from accel_training.stages import STAGES


def test_the_command_offers_every_stage_in_order() -> None:
    assert [stage.value for stage in Stage] == list(STAGES)


def test_the_shipped_captions_name_every_object_on_a_new_colour_and_on_one_it_was_trained_on() -> None:
    captions = read_captions(data_file(CAPTIONS))

    assert {caption.label for caption in captions if caption.held_out} == OBJECTS
    assert {caption.label for caption in captions if not caption.held_out} == OBJECTS
    assert len({caption.caption for caption in captions}) == len(captions) == 2 * len(OBJECTS)
