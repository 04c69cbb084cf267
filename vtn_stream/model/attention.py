"""Attention of a Longformer with one global token, the first, or with none.

Computes Beltagy et al., "Longformer" (2020), section 3.1, with the results of transformers' LongformerSelfAttention, in
our own way.

    B sequences, T frames, L frames that are read as keys, H heads, d head width, D = H d, r = window / 2

                 keys     global  frames
    global row            x       x x x x x x x x     its own projections of everything
    frames' rows          x       x x .               ordinary projections; r frames to each side, and the global token
                          x       x x x .
                          x         x x x .
"""

from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import dropout, pad, scaled_dot_product_attention

__all__ = ["GlobalRow", "band_attention"]

# Queries that share one run of keys. 64 queries read 64 + 2 r keys: fewer would read each key more often, more would
# compute more products that the band throws away (on a CPU 32 to 128 differ by a fifth).
BLOCK = 64


def band_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    global_key: Tensor | None,
    global_value: Tensor | None,
    *,
    first: int,
    reach: int,
    valid: Tensor | None = None,
    dropout_p: float = 0.0,
) -> Tensor:
    """The attention of frames, [B, T, H, d]: queries [B, T, H, d], keys and values [B, L, H, d], the global token's [B,
    H, d], or None where there is none.

    first  which of the L keys stands where the first query does: keys reach to its left and to the last query's right
    reach  r; key j is seen by query i where |first + i - j| <= r
    valid  [B, L] False for keys that are not seen; without a global token, but by themselves: there would be nothing
           to see

    Short sequences are computed densely, others block by block: the work grows with T (r + 32), not with T squared.
    """
    batch, num, num_keys = *query.shape[:2], key.shape[1]
    num_global = 0 if global_key is None else 1
    # Measured: below this the whole square costs no more than its blocks with their copies of the keys.
    if not torch.compiler.is_exporting() and num_keys <= 2 * (BLOCK + reach):
        i = torch.arange(first, first + num, device=query.device)
        j = torch.arange(num_keys, device=query.device)
        seen = ((i[:, None] - j).abs() <= reach)[None, None]  # [1, 1, T, L]
        if valid is not None:
            seen = seen & valid[:, None, None]
        if global_key is None and valid is not None:
            seen = seen | (i[:, None] == j)
        keys = _after(global_key, key).transpose(1, 2)  # [B, H, 1 + L, d]
        values = _after(global_value, value).transpose(1, 2)
        mask = pad(seen, (num_global, 0), value=True)
        return scaled_dot_product_attention(query.transpose(1, 2), keys, values, mask, dropout_p).transpose(1, 2)

    # An exported program serves every length. Its tracer must not wonder whether the blocks are one, or just fill T.
    num_blocks = num // BLOCK + 2 if torch.compiler.is_exporting() else (num + BLOCK - 1) // BLOCK
    span = BLOCK + 2 * reach
    before = reach - first  # rows to add, so that block b reads the padded keys [64 b, 64 b + span)
    after = num_blocks * BLOCK + 2 * reach - before - num_keys

    def blocks(frames: Tensor, whole: Tensor | None) -> Tensor:
        """[B, L, H, d] and the global token's [B, H, d] -> [B n, H, 1 + span, d]."""
        runs = pad(frames, (0, 0, 0, 0, before, after)).unfold(1, span, BLOCK)  # [B, n, H, d, span], a view
        runs = runs.permute(0, 1, 4, 2, 3)
        # Stored with d innermost: the fused kernels take nothing else.
        if whole is None:
            return runs.contiguous().flatten(0, 1).transpose(1, 2)
        copies = whole[:, None, None].expand(-1, num_blocks, -1, -1, -1)
        return torch.cat([copies, runs], 2).flatten(0, 1).transpose(1, 2)

    there = torch.ones(1, num_keys, dtype=torch.bool, device=query.device) if valid is None else valid
    there = pad(there, (before, after)).unfold(1, span, BLOCK)  # [B or 1, n, span]
    i = torch.arange(BLOCK, device=query.device)
    j = torch.arange(span, device=query.device)
    band = (i[:, None] <= j) & (j <= i[:, None] + 2 * reach)  # [64, span]
    mask = there[:, :, None] & band  # [B or 1, n, 64, span]
    if global_key is None:  # also where the padded keys are: a row that saw nothing would have a gradient of no number
        mask = mask | (i[:, None] + reach == j)
    mask = pad(mask, (num_global, 0), value=True)  # [B or 1, n, 64, 1 + span]
    mask = mask.expand(batch, -1, -1, -1).flatten(0, 1)[:, None]
    queries = pad(query, (0, 0, 0, 0, 0, num_blocks * BLOCK - num))
    queries = queries.unfold(1, BLOCK, BLOCK).flatten(0, 1).transpose(2, 3)  # [B n, H, 64, d]
    keys, values = blocks(key, global_key), blocks(value, global_value)
    seen = scaled_dot_product_attention(queries, keys, values, mask, dropout_p).transpose(1, 2)  # [B n, 64, H, d]
    seen = torch.unflatten(seen, 0, (batch, num_blocks)).flatten(1, 2)
    return pad(seen, (0, 0, 0, 0, 0, num - num_blocks * BLOCK))


def _after(whole: Tensor | None, frames: Tensor) -> Tensor:
    """The global token's key or value [B, H, d], and after it those of the frames [B, L, H, d]."""
    return frames if whole is None else torch.cat([whole[:, None], frames], 1)


class GlobalRow:
    """The attention of the global token, gathered from any number of pieces of the sequence (online softmax, as in
    Milakov and Gimelshein, 2018).

    No token's global key or value is computed: with q a head's query, the score q . (K x + b) is (q K) . x + q . b, and
    the sum of p (V x + c) is V (sum of p x) + c. So a token costs H products of width D instead of 2 D.
    """

    def __init__(
        self,
        query: Tensor,
        key_weight: Tensor,
        key_bias: Tensor,
        *,
        dropout_p: float = 0.0,
        keeps_attention: bool = False,
        head: int | None = None,
    ) -> None:
        """query [B, H, d], scaled; key_weight [D, D] and key_bias [D] of the global keys' projection.

        keeps_attention  4 H bytes a token, for `attention`: small tensors that stay would leave holes between large
                         ones that go (a process grew by 1.2 KB a token)
        head             whose attention is wanted; None: the mean of all
        """
        heads, width = query.shape[1:]
        self._probe = torch.einsum("bhe,hed->bhd", query, key_weight.view(heads, width, -1))  # [B, H, D]
        self._shift = torch.einsum("bhe,he->bh", query, key_bias.view(heads, width)).float()[:, :, None]
        self._dropout_p = dropout_p
        self._highest = torch.full_like(self._shift, -torch.inf)
        self._total = torch.zeros_like(self._shift)  # of exp(score - highest)
        self._kept = torch.zeros_like(self._shift)  # the same after dropout
        self._sum = torch.zeros_like(self._probe, dtype=torch.float32)  # of exp(score - highest) x
        self._keeps_attention = keeps_attention
        self._head = head
        self._scores: list[Tensor] = []

    def add(self, tokens: Tensor, valid: Tensor | None = None) -> Self:
        """tokens [B, L, D] of which valid [B, L] are seen. The first piece needs one that is: the global token."""
        scores = (self._probe @ tokens.transpose(1, 2)).float() + self._shift  # [B, H, L]
        if valid is not None:
            scores = scores.masked_fill(~valid[:, None], -torch.inf)
        if self._keeps_attention:
            self._scores.append(scores)
        highest = torch.maximum(self._highest, scores.amax(2, keepdim=True))
        faded = (self._highest - highest).exp()
        weights = (scores - highest).exp()
        kept = dropout(weights, self._dropout_p, training=self._dropout_p > 0)
        self._total = self._total * faded + weights.sum(2, keepdim=True)
        self._kept = self._kept * faded + kept.sum(2, keepdim=True)
        self._sum = self._sum * faded + (kept.to(tokens.dtype) @ tokens).float()
        self._highest = highest
        return self

    def seen(self, value_weight: Tensor, value_bias: Tensor) -> Tensor:
        """[B, D]: the attended values, heads side by side; value_weight [D, D], value_bias [D]."""
        heads = self._sum.shape[1]
        pooled = (self._sum / self._total).to(value_weight.dtype)  # [B, H, D]
        share = (self._kept / self._total).to(value_weight.dtype)  # [B, H, 1]; 1 without dropout
        seen = torch.einsum("bhd,hed->bhe", pooled, value_weight.view(heads, -1, value_weight.shape[1]))
        return (seen + share * value_bias.view(heads, -1)).flatten(1)

    def attention(self) -> Tensor:
        """[B, L]: how much it saw of each token of all pieces, in order; the mean of the heads, or one of them."""
        of_heads = ((s - self._highest).exp() / self._total for s in self._scores)
        return torch.cat([each.mean(1) if self._head is None else each[:, self._head] for each in of_heads], 1)
