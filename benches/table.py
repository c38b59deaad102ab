"""The result: one line per measurement, Markdown that reads as text too."""


class Table:
    """Its lines; `missed` and `failed` count those that need a look."""

    def __init__(self):
        self.lines = [("what", "measured", "goal", "")]
        self.missed = 0
        self.failed = 0

    def add(self, what, measured, goal="", ok=None):
        """A line; `ok` is None where there is no goal."""
        self.missed += ok is False
        self.lines.append((what, measured, goal, {None: "", True: "ok", False: "MISSED"}[ok]))

    def at_most(self, what, value, limit, unit="", digits=2):
        """A number that has a limit."""
        self.add(what, f"{value:.{digits}f}{unit}", f"≤ {limit:g}{unit}", value <= limit)

    def ratio(self, what, ours, theirs, limit=None, unit="ms", digits=2, detail=""):
        """Two medians, and one divided by the other. The verdict is of the ratio, not of its rounded form."""
        ratio = ours / theirs
        measured = f"{ours:.{digits}f} / {theirs:.{digits}f} {unit}: ratio {ratio:.2f}{detail}"
        self.add(what, measured, f"≤ {limit:g}" if limit else "", ratio <= limit if limit else None)

    def absent(self, what):
        """Something that this machine does not have."""
        self.add(what, "not installed")

    def fail(self, part):
        """A part that ended with an error, which stands above the table."""
        self.failed += 1
        self.add(part, "could not be measured")

    def verdict(self):
        found = [f"{self.missed} goal(s) MISSED"] if self.missed else ["every goal met"]
        if self.failed:
            found.append(f"{self.failed} part(s) could not be measured")
        return ", ".join(found)

    def __str__(self):
        widths = [max(len(line[column]) for line in self.lines) for column in range(4)]
        rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in self.lines]
        rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(rows)
