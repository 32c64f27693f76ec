"""The estimated time of a training, with a clock of its own."""
from typing import List

from textjob.training.progress import MEASURED, Estimate


def lines(seconds_per_step: float, steps: int, calls: int = 40) -> List[List[str]]:
    """What a training prints after each call of eight steps; the first call takes a minute longer."""
    seconds = [0.0]
    estimate, printed = Estimate("cnn", steps, 20, lambda: seconds[0]), []
    for call in range(calls):
        seconds[0] += 8 * seconds_per_step + (60 if call == 0 else 0)
        printed.append(estimate.line(8))
    return printed


def test_a_long_training_prints_its_time_once_after_a_hundred_steps_without_the_first_call() -> None:
    printed = lines(0.05, 10000)
    (line,) = [line for each in printed for line in each]
    assert line == "cnn: about 8 minutes for 20 epochs at 20.0 steps per second"
    assert [call for call, each in enumerate(printed) if each] == [-(-MEASURED // 8)]


def test_a_training_of_up_to_a_minute_prints_no_time() -> None:
    assert not any(lines(0.0625, 960))
    assert any(lines(0.0625, 976))


def test_a_training_of_fewer_steps_prints_no_time() -> None:
    assert not any(lines(10.0, 90, calls=11))
