"""Write time spans as policy files have them, such as "5m" or "1h30m"."""

from datetime import timedelta


def write_duration(value: timedelta) -> str:
    """Write a time span in days, hours, minutes and seconds, those that are not zero."""
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(value.days, "d"), (hours, "h"), (minutes, "m")]
    text = "".join(f"{number}{unit}" for number, unit in parts if number)
    if value.microseconds:
        return text + f"{seconds}.{value.microseconds:06}".rstrip("0") + "s"
    return text + f"{seconds}s" if seconds or not text else text
