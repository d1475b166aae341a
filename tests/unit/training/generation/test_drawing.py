from training.generation.drawing import draw_instructions
from training.records import Instruction


def instruction(key, cluster):
    return Instruction(
        instruction_id=key, text=key, source="s", category=None, specialty=None, cluster_id=cluster, split="benchmark"
    )


POOL = [instruction(f"{cluster}{i}", cluster) for cluster, n in (("a", 5), ("b", 2), ("c", 1)) for i in range(n)]


def clusters(drawn):
    return sorted(i.cluster_id for i in drawn)


def test_every_cluster_before_a_second_of_any():
    assert clusters(draw_instructions(POOL, limit=3, seed=0)) == ["a", "b", "c"]
    assert clusters(draw_instructions(POOL, limit=5, seed=0)) == ["a", "a", "b", "b", "c"]
    assert clusters(draw_instructions(POOL, limit=6, seed=0)) == ["a", "a", "a", "b", "b", "c"]


def test_the_draw_knows_nothing_of_the_input_order_and_depends_on_the_seed():
    drawn = draw_instructions(POOL, limit=2, seed=0)
    assert draw_instructions(POOL[::-1], limit=2, seed=0) == drawn
    assert drawn == sorted(drawn, key=lambda i: i.instruction_id)
    assert len({tuple(i.instruction_id for i in draw_instructions(POOL, limit=2, seed=seed)) for seed in range(20)}) > 3


def test_no_limit_takes_all():
    assert draw_instructions(POOL, limit=None, seed=0) == POOL
    assert len(draw_instructions(POOL, limit=99, seed=0)) == len(POOL)
