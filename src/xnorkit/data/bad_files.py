"""Files that can't be used: named, counted, and too many of them refused."""

from collections.abc import Mapping

_NAMED = 5  # files named in a message before it says "and so many more"


def told(place: str, bad: Mapping[str, str], files: int) -> str:
    """One line on what was left out.

    Args:
        place: where the files are.
        bad: file → why it can't be used; at least one.
        files: all that were read, the bad ones too.
    """
    return f"{place}: {_counted(bad, files)} left out: {_examples(bad)}"


def refuse_many(place: str, bad: Mapping[str, str], files: int, max_fraction: float) -> None:
    """ValueError where more than `max_fraction` of the files are bad; arguments as `told`."""
    if len(bad) > max_fraction * files:
        raise ValueError(
            f"{_counted(bad, files)} in {place} can't be used, more than "
            f"max_bad_fraction={max_fraction:g} allows: {_examples(bad)}. "
            "Repair or remove them, or raise data.max_bad_fraction."
        )


def _counted(bad: Mapping[str, str], files: int) -> str:
    return f"{len(bad)} of {files} files"


def _examples(bad: Mapping[str, str]) -> str:
    named = "; ".join(f"{name} ({why})" for name, why in list(bad.items())[:_NAMED])
    more = len(bad) - _NAMED
    return f"{named}; and {more} more" if more > 0 else named
