"""Draw the three cells for docs/explain/cells.md, one step of each.

    python docs/explain/draw_cells.py [docs/explain/cells.svg]

Asks for matplotlib, the extra `plot`.
"""

import sys
from pathlib import Path
from typing import Any

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch
except ImportError:
    sys.exit("Error: matplotlib is required: pip install matplotlib.")

STATE, INPUT = "#1f77b4", "#d62728"  # what comes from the step before, what the token brings
LEARNT, FIXED = "#ffe3b3", "#ffffff"  # boxes with weights, circles without


class Cell:
    """The picture of one cell: a frame, and what is put into it."""

    def __init__(self, axes: Any, name: str, width: float) -> None:
        """See the class."""
        self.axes, self.width = axes, width
        axes.set(xlim=(-1.2, width + 1.2), ylim=(-1.3, 4.6), aspect="equal")
        axes.axis("off")
        axes.set_title(name, fontsize=13)
        frame = FancyBboxPatch((0, 0), width, 4, boxstyle="round,pad=0.1", facecolor="#f4f4f4", edgecolor="#999999")
        axes.add_patch(frame)

    def weights(self, x: float, y: float, text: str) -> None:
        """Put a box of weights and its squashing function."""
        style = {"boxstyle": "round,pad=0.35", "facecolor": LEARNT, "edgecolor": "#666666"}
        self.axes.text(x, y, text, ha="center", va="center", fontsize=9, bbox=style)

    def operation(self, x: float, y: float, text: str) -> None:
        """Put an operation without weights."""
        style = {"boxstyle": "circle,pad=0.22", "facecolor": FIXED, "edgecolor": "#666666"}
        self.axes.text(x, y, text, ha="center", va="center", fontsize=9, bbox=style)

    def label(self, x: float, y: float, text: str, colour: str = "black") -> None:
        """Put a name."""
        self.axes.text(x, y, text, ha="center", va="center", fontsize=11, color=colour)

    def path(self, *points: tuple[float, float], colour: str = "#444444", head: bool = True) -> None:
        """Draw a line through points, with an arrow's head at its end."""
        xs, ys = zip(*points, strict=True)
        self.axes.plot(xs, ys, color=colour, linewidth=1.3, solid_joinstyle="round", zorder=1)
        if head:
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.3}
            self.axes.annotate("", xy=points[-1], xytext=points[-2], arrowprops=arrow, zorder=1)


def draw_rnn(axes: Any) -> None:
    """h_t = tanh(e W + h U + b)."""
    cell = Cell(axes, "RNN", 3)
    cell.path((-0.9, 1), (1.05, 1), colour=STATE)
    cell.path((1.5, -0.9), (1.5, 0.62), colour=INPUT)
    cell.path((1.95, 1), (3.9, 1))
    cell.weights(1.5, 1, "tanh")
    cell.label(-0.9, 1.35, "$h_{t-1}$", STATE)
    cell.label(1.5, -1.15, "$x_t$", INPUT)
    cell.label(3.8, 1.35, "$h_t$")


def draw_lstm(axes: Any) -> None:
    """c_t = f c + i g, h_t = o tanh(c_t)."""
    cell = Cell(axes, "LSTM", 6)
    cell.path((-0.9, 3.5), (0.6, 3.5), colour=STATE)
    cell.path((1.1, 3.5), (2.27, 3.5), colour=STATE)
    cell.path((2.77, 3.5), (6.9, 3.5))
    cell.path((-0.9, 0.3), (4.1, 0.3), colour=STATE, head=False)
    cell.path((0.4, -0.9), (0.4, 0.3), colour=INPUT, head=False)
    for x, gate in [(0.85, "f"), (2.0, "i"), (3.05, "g"), (4.1, "o")]:
        cell.path((x, 0.3), (x, 0.82))
        cell.weights(x, 1.2, "tanh" if gate == "g" else "$\\sigma$")
        cell.label(x - 0.33, 1.75, f"${gate}_t$")
    cell.path((0.85, 1.55), (0.85, 3.25))
    cell.operation(0.85, 3.5, "×")
    cell.path((2.0, 1.55), (2.0, 2.4), (2.28, 2.4))
    cell.path((3.05, 1.55), (3.05, 2.4), (2.77, 2.4))
    cell.operation(2.52, 2.4, "×")
    cell.path((2.52, 2.65), (2.52, 3.25))
    cell.operation(2.52, 3.5, "+")
    cell.path((5.1, 3.5), (5.1, 2.88))
    cell.operation(5.1, 2.55, "tanh")
    cell.path((4.37, 1.2), (4.85, 1.2))
    cell.path((5.1, 2.2), (5.1, 1.45))
    cell.operation(5.1, 1.2, "×")
    cell.path((5.35, 1.2), (6.9, 1.2))
    cell.label(-0.9, 3.85, "$c_{t-1}$", STATE)
    cell.label(-0.9, 0.65, "$h_{t-1}$", STATE)
    cell.label(0.4, -1.15, "$x_t$", INPUT)
    cell.label(6.8, 3.85, "$c_t$")
    cell.label(6.8, 1.55, "$h_t$")


def draw_gru(axes: Any) -> None:
    """h_t = z h + (1 - z) g, g = tanh(e W + r (h U + d))."""
    cell = Cell(axes, "GRU", 7)
    cell.path((-0.9, 3.5), (2.95, 3.5), colour=STATE)
    cell.path((3.45, 3.5), (5.75, 3.5), colour=STATE)
    cell.path((6.25, 3.5), (7.9, 3.5))
    cell.path((-0.5, 3.5), (-0.5, 0.3), (3.2, 0.3), colour=STATE, head=False)
    cell.path((0.4, -0.9), (0.4, 0.3), colour=INPUT, head=False)
    for x, gate in [(0.9, "r"), (3.2, "z")]:
        cell.path((x, 0.3), (x, 0.82))
        cell.weights(x, 1.2, "$\\sigma$")
        cell.label(x - 0.35, 1.75, f"${gate}_t$")
    cell.path((1.4, 3.5), (1.4, 2.98), colour=STATE)
    cell.weights(1.4, 2.6, "$U_g$")
    cell.path((1.75, 2.6), (2.05, 2.6))
    cell.path((0.9, 1.55), (0.9, 2.0), (2.3, 2.0), (2.3, 2.35))
    cell.operation(2.3, 2.6, "×")
    cell.path((2.55, 2.6), (4.2, 2.6), (4.2, 0.75), (4.55, 0.75))
    cell.path((5.0, -0.9), (5.0, 0.38), colour=INPUT)
    cell.weights(5.0, 0.75, "tanh")
    cell.path((5.45, 0.75), (6.0, 0.75), (6.0, 1.75))
    cell.label(6.35, 1.2, "$g_t$")
    cell.path((3.2, 1.55), (3.2, 3.25))
    cell.path((3.2, 2.0), (4.68, 2.0))
    cell.operation(5.0, 2.0, "1 −")
    cell.path((5.3, 2.0), (5.75, 2.0))
    cell.operation(3.2, 3.5, "×")
    cell.operation(6.0, 2.0, "×")
    cell.path((6.0, 2.25), (6.0, 3.25))
    cell.operation(6.0, 3.5, "+")
    cell.label(-0.9, 3.85, "$h_{t-1}$", STATE)
    cell.label(0.4, -1.15, "$x_t$", INPUT)
    cell.label(5.0, -1.15, "$x_t$", INPUT)
    cell.label(7.8, 3.85, "$h_t$")


def main() -> None:
    """Draw them side by side."""
    mpl.rcParams["svg.hashsalt"] = "tangshi-tf"  # the same picture is the same file
    figure = Figure(figsize=(12, 4), layout="constrained")
    rnn, lstm, gru = figure.subplots(1, 3, width_ratios=(5.4, 8.4, 9.4))
    draw_rnn(rnn)
    draw_lstm(lstm)
    draw_gru(gru)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("cells.svg")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {})


if __name__ == "__main__":
    main()
