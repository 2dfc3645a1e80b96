"""The results as a Markdown table and as a plot (SVG), without any library."""

import html
import os
import statistics

from bench import MIB, median, spread


def table(contest, server_version):
    """One contest."""
    rows, size = contest.rows, contest.size
    runs = len(contest.samples[contest.floor])
    lines = [
        f"### {contest.title[0].upper() + contest.title[1:]}",
        "",
        f"{size / rows:.0f} bytes of JSON a record; PostgreSQL {server_version} with default settings; {os.cpu_count()} processors; "
        + ("one run" if runs == 1 else f"medians of {runs} runs (least to most)")
        + f", other processes took at most {most_disturbed(contest):.0%} of the machine.",
        "",
        "| load | wall s | thousand rows/s | MB/s of JSON | client CPU s | µs a row | server CPU s | WAL MB | peak MB "
        "| ÷ first line | goal |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in contest.names:
        samples, goal = contest.samples[name], contest.goals[name]
        wall, cpu = median(samples, "wall"), median(samples, "client_cpu")
        cells = [
            name,
            spread([s.wall for s in samples], "{:.2f}"),
            f"{rows / wall / 1000:,.0f}",
            f"{size / wall / 1e6:.0f}",
            f"{cpu:.2f}",
            f"{cpu / rows * 1e6:.2f}",
            f"{median(samples, 'server_cpu'):.2f}",
            f"{median(samples, 'wal') / MIB:.0f}",
            f"{max(s.peak for s in samples) / MIB:.0f}",
            spread(contest.ratios(name), "{:.2f}") if name != contest.floor else "1",
            f"≤ {goal}" if goal else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def most_disturbed(contest):
    return max(sample.disturbed for samples in contest.samples.values() for sample in samples)


WIDTH, LABEL, BAR, GAP, LEFT = 860, 330, 20, 8, 12
OURS, OTHERS, FLOOR = "#1f6f5c", "#a9b2bb", "#6b7682"


def plot(contests):
    """Bars of thousand rows a second, a block for each contest; a line from the least to the most run."""
    parts, y = [], 10
    for contest in contests:
        speed = {name: [contest.rows / s.wall / 1000 for s in contest.samples[name]] for name in contest.names}
        most = max(max(values) for values in speed.values())
        scale = (WIDTH - LABEL - 2 * LEFT - 70) / most
        y += 18
        parts.append(text(LEFT, y, contest.title, weight="bold"))
        y += 10
        for name, values in speed.items():
            color = OURS if "ours" in name else FLOOR if name == contest.floor else OTHERS
            middle, x = statistics.median(values), LEFT + LABEL
            parts.append(text(LEFT + LABEL - 8, y + BAR - 6, plain(name), anchor="end"))
            parts.append(f'<rect x="{x}" y="{y}" width="{middle * scale:.1f}" height="{BAR}" fill="{color}"/>')
            if len(values) > 1:
                parts.append(
                    f'<line x1="{x + min(values) * scale:.1f}" x2="{x + max(values) * scale:.1f}" y1="{y + BAR / 2}" '
                    f'y2="{y + BAR / 2}" stroke="#222" stroke-width="1"/>'
                )
            parts.append(text(x + max(values) * scale + 6, y + BAR - 6, f"{middle:,.0f}"))
            y += BAR + GAP
        y += 10
    title = text(LEFT, y + 8, "thousand rows a second; the line goes from the slowest to the fastest run", size=11)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" viewBox="0 0 {WIDTH} {y + 20}" '
        'font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join([*parts, title]) + "\n</svg>\n"
    )


def plain(name):
    return name.replace("`", "").replace("*", "")


def text(x, y, words, anchor="start", weight="normal", size=12):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="#222">'
        f"{html.escape(words)}</text>"
    )
