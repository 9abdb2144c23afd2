"""The decoder of LDPC blocks with torch operations, on any device of torch; the results are those on the CPU."""

from dataclasses import dataclass

import torch

from sparebits.long_codes.base_graph import COLUMNS, DATA_COLUMNS, PUNCTURED_COLUMNS
from sparebits.long_codes.ldpc import LdpcCode
from sparebits.long_codes.ldpc_kernels import CHANNEL, KNOWN, MOST


@dataclass(frozen=True, eq=False)
class _Row:
    """A row of the base graph: its columns, int64 (entries,), and where its checks find their bits, (entries, Z)."""

    columns: torch.Tensor
    bits: torch.Tensor


class TorchLdpcDecoder:
    """Layered min-sum as in ldpc_kernels, many blocks at once."""

    def __init__(self, code: LdpcCode, device: str | torch.device = "cpu"):
        """Put the rows of the base graph on a device."""
        graph, z = code.graph, code.z
        self.code, self.device = code, device
        steps = torch.arange(z, device=device)
        self._rows = []
        for row in range(code.rows):
            place = slice(int(graph.starts[row]), int(graph.starts[row + 1]))
            shifts = torch.from_numpy(graph.shifts[place]).to(device)
            columns = torch.from_numpy(graph.columns[place]).to(device)
            self._rows.append(_Row(columns, columns[:, None] * z + (steps + shifts[:, None]) % z))

    def decode(self, bits: torch.Tensor, lost: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode blocks.

        Args:
            bits: stored bits, uint8 (B, stored_bits), in the order of LdpcCode.
            lost: bool (B, stored_bits), of which nothing is known.
            iterations: at most.

        Returns:
            bits of the code words, uint8 (B, 68 Z), numbered as in base_graph, and the iterations that each block took,
            int64 (B,), -1 where there is no code word.
        """
        values = self._reliabilities(bits.to(self.device), lost.to(self.device))
        count = len(values)
        messages = [torch.zeros((count, *row.bits.shape), dtype=torch.int16, device=self.device) for row in self._rows]
        found = torch.zeros((count, values.shape[1]), dtype=torch.uint8, device=self.device)
        took = torch.full((count,), -1, dtype=torch.int64, device=self.device)
        waiting = torch.arange(count, device=self.device)
        for iteration in range(1, iterations + 1):
            for row, of_row in zip(self._rows, messages, strict=True):
                _update(values, of_row, row)
            decided = values < 0
            is_word = self._is_word(decided) & (values[:, : DATA_COLUMNS * self.code.z] != 0).all(dim=1)
            found[waiting[is_word]] = decided[is_word].to(torch.uint8)
            took[waiting[is_word]] = iteration
            if is_word.any():
                still = ~is_word
                waiting, values = waiting[still], values[still]
                messages = [of_row[still] for of_row in messages]
            if not len(waiting):
                break
        between = slice(self.code.data_bits, DATA_COLUMNS * self.code.z)
        took[(found[:, between] != 0).any(dim=1)] = -1
        return found, took

    def _reliabilities(self, bits: torch.Tensor, lost: torch.Tensor) -> torch.Tensor:
        """Of all bits of the base graph, int16 (B, 68 Z)."""
        code, z = self.code, self.code.z
        values = torch.zeros((len(bits), COLUMNS * z), dtype=torch.int16, device=self.device)
        stored = ((CHANNEL - 2 * CHANNEL * bits.to(torch.int16)) * ~lost).to(torch.int16)
        own, parity = code.stored_data_bits, DATA_COLUMNS * z
        values[:, PUNCTURED_COLUMNS * z : code.data_bits] = stored[:, :own]
        values[:, code.data_bits : parity] = KNOWN
        values[:, parity : parity + code.parity_bits] = stored[:, own:]
        return values

    def _is_word(self, decided: torch.Tensor) -> torch.Tensor:
        """Which blocks satisfy all checks, bool (B,)."""
        is_word = torch.ones(len(decided), dtype=torch.bool, device=decided.device)
        for row in self._rows:
            is_word &= ~(decided[:, row.bits].sum(dim=1) % 2).any(dim=1)
        return is_word


def _update(values: torch.Tensor, messages: torch.Tensor, row: _Row) -> None:
    """A row's part of an iteration, in place: values int16 (B, 68 Z), messages int16 (B, entries, Z)."""
    without = values[:, row.bits] - messages
    sizes = without.abs()
    least = torch.topk(sizes, 2, dim=1, largest=False).values.clamp(max=MOST)
    weak = ((3 * least - 4) >> 2).clamp(min=0)
    chosen = torch.where(sizes == least[:, :1], weak[:, 1:], weak[:, :1])
    is_negative = without < 0
    is_odd = (is_negative.sum(dim=1, keepdim=True) % 2).bool()
    messages[:] = torch.where(is_negative ^ is_odd, -chosen, chosen)
    values[:, row.bits] = without + messages
