"""What a cell did is told as it was, and a kernel that broke says so."""

from xorkit.sandbox import Kernel, Warm


def test_outputs_come_back_in_order_with_streams_joined(kernel: Kernel) -> None:
    ran = kernel.run("for i in range(3): print(i)\n6 * 7")

    assert ran.status == "ok"
    assert ran.alive
    assert [output["output_type"] for output in ran.outputs] == ["stream", "execute_result"]
    assert ran.outputs[0]["text"] == "0\n1\n2\n"
    assert ran.outputs[1]["data"] == {"text/plain": "42"}


def test_an_exception_is_named_and_its_traceback_is_plain(kernel: Kernel) -> None:
    ran = kernel.run("def half(x):\n    return x / 0\nhalf(1)")

    assert ran.status == "error"
    assert ran.error == ("ZeroDivisionError", "division by zero")
    assert "return x / 0" in ran.traceback
    assert "\x1b" not in ran.traceback
    assert kernel.run("half").status == "ok"


def test_names_last_from_cell_to_cell_and_not_from_kernel_to_kernel(warm: Warm) -> None:
    with warm.start() as first, warm.start() as second:
        assert first.run("x = 1").status == "ok"
        assert first.run("x").status == "ok"
        assert second.run("x").status == "error"


def test_an_expression_after_a_cell_gives_its_value(kernel: Kernel) -> None:
    assert kernel.run("x = 6", then="x * 7").value == {"text/plain": "42"}
    assert kernel.run("x").value == {}


def test_there_is_no_value_of_what_fails(kernel: Kernel) -> None:
    assert kernel.run("1 / 0", then="7").value == {}
    ran = kernel.run("pass", then="1 / 0")
    assert (ran.status, ran.value) == ("ok", {})


def test_an_expression_has_the_time_of_its_cell(kernel: Kernel) -> None:
    ran = kernel.run("import time", then="time.sleep(60)", seconds=1)

    assert (ran.status, ran.value) == ("timeout", {})
    assert kernel.run("pass", then="'alive'").value == {"text/plain": "'alive'"}


def test_a_blank_cell_does_nothing(kernel: Kernel) -> None:
    for blank in ("", " \n"):
        ran = kernel.run(blank)
        assert (ran.status, ran.outputs, ran.alive) == ("ok", [], True), ran
