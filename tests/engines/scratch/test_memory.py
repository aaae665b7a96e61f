"""Memory that a training step takes from one buffer."""

import threading

import numpy as np

from digitnn.engines.scratch.memory import (
    ALIGNMENT,
    MIN_CHUNK,
    Memories,
    Memory,
    empty,
    passing,
    passing_arrays,
    product,
)

SINGLE, BYTES = np.dtype(np.float32), np.dtype(np.uint8)


def test_arrays_are_aligned_and_share_nothing_until_they_are_taken_back():
    memory = Memory()
    with memory.active():
        first, second = empty((3, 5), SINGLE), empty((7,), BYTES)
        large = empty((MIN_CHUNK,), SINGLE)
    arrays = [first, second, large]
    assert [array.shape for array in arrays] == [(3, 5), (7,), (MIN_CHUNK,)]
    assert not any(
        np.shares_memory(one, other) for one in arrays for other in arrays if one is not other
    )
    assert all(array.ctypes.data % ALIGNMENT == 0 for array in arrays)


def test_the_same_arrays_need_no_new_memory_from_the_second_time_on():
    memory = Memory()
    shapes = [(300, 1000), (100, 3000), (7,)]
    found = []
    for _ in range(3):
        with memory.active():
            found.append([empty(shape, SINGLE).ctypes.data for shape in shapes])
        memory.reset()
    assert found[1] == found[2]


def test_passing_arrays_are_taken_back_at_the_end_of_their_context_and_no_others():
    memory = Memory()
    with memory.active(), passing_arrays():
        outer = passing((4,), SINGLE)
        with passing_arrays():
            inner, kept = passing((4,), SINGLE), empty((4,), SINGLE)
        again = passing((4,), SINGLE)
        assert np.shares_memory(inner, again)
        assert not np.shares_memory(outer, again)
        assert not np.shares_memory(kept, empty((4,), SINGLE))


def test_a_buffer_that_grew_inside_a_context_leaves_outer_arrays_alone():
    memory = Memory()
    for _ in range(2):
        with memory.active(), passing_arrays():
            outer = passing((8,), SINGLE)
            outer[:] = 1
            with passing_arrays():
                passing((MIN_CHUNK,), SINGLE)[:] = 2
            passing((8,), SINGLE)[:] = 3
            np.testing.assert_array_equal(outer, 1)


def test_without_an_active_memory_and_in_other_threads_arrays_are_ordinary():
    memory, seen = Memory(), []
    with memory.active(), passing_arrays():
        mine = empty((4,), SINGLE)
        thread = threading.Thread(target=lambda: seen.append(empty((4,), SINGLE)))
        thread.start()
        thread.join()
    assert mine.base is not None
    assert seen[0].base is None
    assert empty((4,), SINGLE).base is None
    with passing_arrays():
        assert passing((4,), SINGLE).base is None


def test_a_memory_is_lent_to_one_at_a_time():
    memories = Memories()
    first, second = memories.take(), memories.take()
    assert first is not second
    memories.give_back(first)
    assert memories.take() is first


def test_a_product_may_have_a_stack_on_either_side(rng):
    stack, matrix = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5))
    np.testing.assert_allclose(product(stack, matrix), stack @ matrix)
    np.testing.assert_allclose(product(matrix.T, stack.swapaxes(1, 2)), matrix.T @ stack.mT)
