"""Tables for people, as aligned text."""

import pandas as pd


def print_table(table: pd.DataFrame) -> None:
    """Columns aligned, texts to the left and numbers to the right."""
    cells = [list(map(str, table.columns)), *([str(value) for value in row] for row in table.itertuples(index=False))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [all(cell[column].lstrip("-")[:1].isdigit() for cell in cells[1:]) for column in range(len(widths))]
    for row in cells:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        print("  ".join(aligned).rstrip())
