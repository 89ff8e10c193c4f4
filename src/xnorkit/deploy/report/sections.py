"""Report ► tables of strings, which page (Markdown) and screen (rich) show in their own ways."""

from collections.abc import Iterator
from dataclasses import dataclass

from xnorkit.deploy.report.bandwidth import Traffic
from xnorkit.deploy.report.record import ENGINE, Report, Side, Speed

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A table with what must be said beside it.

    Attributes:
        title: above it; empty for the first.
        headings: as many as each row has cells; empty for names and values.
        rows: cells; the first is text, the others are mostly numbers.
        notes: below it.
        figure: stem of the picture that shows the same; empty where none does.
        on_screen: whether a terminal shows it too.
        page_only: headings of columns for which a terminal has no room.
    """

    title: str
    headings: tuple[str, ...]
    rows: Rows
    notes: tuple[str, ...] = ()
    figure: str = ""
    on_screen: bool = True
    page_only: tuple[str, ...] = ()


def sections(report: Report) -> list[Section]:
    """All that the report has something to say in, the most asked first."""
    found = [Section("", (), tuple(_facts(report)))]
    if report.speed is not None:
        found += [_latency(report.speed), _steps(report.speed)]
    if report.layers:
        found.append(_layers(report))
    found.append(_sizes(report))
    if report.confusion:
        found.append(Section("Confusion", (), (), figure="confusion", on_screen=False))
    versions = tuple(sorted(report.machine.versions.items()))
    found.append(Section("Versions", (), versions, on_screen=False))
    return found


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    subject, found = report.subject, report.agreement
    yield "data", f"{subject.data}; {subject.source}"
    yield "scheme", subject.scheme
    yield "network", subject.network
    if found.torch_accuracy is not None and found.engine_accuracy is not None:
        yield (
            "accuracy",
            f"engine {found.engine_accuracy:.4f}, torch {found.torch_accuracy:.4f} on the "
            f"{found.samples:,} samples of the {found.split} split",
        )
    yield "agreement", _agreement(report)
    yield "exact", _exactness(report)
    yield "size", _size(report)
    yield "engine", f"{report.machine.isa}, compiled by {report.machine.compiler}"
    yield "CPU", report.machine.cpu


def _agreement(report: Report) -> str:
    found = report.agreement
    ties = "no tie"
    if found.ties:
        ties = f"{found.ties:,} ties left out, torch's two best within {found.tie_margin:g}"
    alike = ""
    if found.flipped:
        alike = (
            f", by {found.largest_alike:.2g} on the {found.samples - found.flipped:,} samples "
            "where no sign fell the other way"
        )
    return (
        f"{percent(found.top1)} top-1 with torch on {found.samples:,} samples ({ties}); "
        f"logits differ by {found.largest_difference:.2g} at most{alike}"
    )


def _exactness(report: Report) -> str:
    until = report.agreement.exact_until
    if until is not None:
        return f"to the bit before {until}; from there on within a tolerance"
    return "to the bit up to the head, whose sums are float"


def _size(report: Report) -> str:
    sizes = report.sizes
    stated = ""
    if sizes.stated is not None:
        difference = sizes.file - sizes.stated
        stated = ", as stated before training" if not difference else (
            f" ({difference:+,} against what was stated before training)"
        )  # fmt: skip
    ratio = (
        f"; float32 twin {sizes.float32:,} bytes, {sizes.float32 / sizes.file:.1f} times as many"
    )
    return f"model.xnor {sizes.file:,} bytes{stated}{ratio}"


def _latency(speed: Speed) -> Section:
    notes = (
        f"{threads(speed.threads).capitalize()} each; sides in turn, warm-up excluded. "
        "Microseconds of a call with one sample; times: the side's over the engine's, the median "
        f"over {speed.rounds} rounds. Samples per second in batches of {speed.batch}. Logits "
        "beside torch's of the same module: largest difference, equal answers.",
        *(f"{missing.name}: {missing.reason}" for missing in speed.missing),
    )
    rows = tuple(_side(side) for side in speed.sides)
    return Section("Latency", _RACE, rows, notes, "latency", page_only=("quartiles",))


_RACE = ("side", "computes", "p50 µs", "p95", "p99", "times", "quartiles", "samples/s", "logits")


def _side(side: Side) -> tuple[str, ...]:
    ratio, quartiles = "1", "-"
    if side.ratio is not None:
        ratio = f"{side.ratio.median:.2f}"
        quartiles = f"{side.ratio.low:.2f}-{side.ratio.high:.2f}"
    times = (microseconds(value) for value in (side.p50, side.p95, side.p99))
    rate = "-" if side.throughput is None else f"{side.throughput:,.0f}"
    model = "network" if side.name == ENGINE else side.model
    return side.name, model, *times, ratio, quartiles, rate, _answers(side)


def _answers(side: Side) -> str:
    if side.answers is None:
        return "-"
    said = f"{side.answers.difference:.1g}, {percent(side.answers.agreement)}"
    return said if side.answers.faithful else f"WRONG: {said}"


def _steps(speed: Speed) -> Section:
    whole = sum(speed.steps.values()) or 1.0
    rows = tuple(
        (
            name,
            speed.kernels.get(name, ""),
            microseconds(value),
            f"{value / whole:.1%}",
            *_reading(speed.traffic, name, value),
        )
        for name, value in speed.steps.items()
    )
    headings: tuple[str, ...] = ("op", "loop", "µs", "share")
    notes = ["Each op called by itself, in the network's order, less what an empty call takes."]
    if speed.traffic is not None:
        headings += ("weights GB/s", "of a read loop")
        notes.append(
            f"A plain read loop over {speed.traffic.read_bytes:,} bytes, as many as these ops' "
            f"weights together, at its fastest: {speed.traffic.read_rate / 1e9:.1f} GB/s. With one "
            "sample each weight is read once: near 100 % memory is what limits the layer."
        )
    return Section("Time of each op", headings, rows, tuple(notes), on_screen=False)


def _reading(traffic: Traffic | None, op: str, value: float) -> tuple[str, ...]:
    """Rate and share of the plain loop's of an op's weights, where they are large."""
    if traffic is None:
        return ()
    if op not in traffic.weights:
        return "", ""
    return f"{traffic.rate(op, value) / 1e9:.1f}", f"{traffic.share(op, value):.0%}"


def _layers(report: Report) -> Section:
    rows = tuple(
        (
            layer.path,
            f"{layer.wrong_alone:,} of {layer.outputs:,}",
            f"{layer.wrong_in_whole:,} of {layer.inputs:,}"
            + (" codes" if layer.inputs_are == "codes" else ""),
            "yes" if layer.exact else "no",
        )
        for layer in report.layers
    )
    headings = ("binary layer", "outputs that differ", "input bits that differ", "exact")
    note = (
        "Outputs: given torch's own input bits. Input bits: when the engine computes everything "
        "before the layer too, which must be torch's where it says exact."
    )
    return Section("Binary layers", headings, rows, (note,), "agreement")


def _sizes(report: Report) -> Section:
    rows = [("model.xnor", name, f"{size:,}") for name, size in report.sizes.file_parts.items()]
    rows += [("float32", name, f"{size:,}") for name, size in report.sizes.float32_parts.items()]
    headings = ("of", "part", "bytes")
    return Section("Size of each part", headings, tuple(rows), (), "sizes", on_screen=False)


def percent(share: float) -> str:
    """100 % only for all of them."""
    shown = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    return ("99.99" if shown == "100" and share < 1 else shown) + " %"


def microseconds(value: float) -> str:
    """Three digits, more where there are thousands."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def threads(number: int) -> str:
    """In words."""
    return "one thread" if number == 1 else f"{number} threads"
