"""The networks of heads, which read the temporal encoder, one module each. Tensors in, tensors out."""

from vtn_stream.model.heads.classification import ClassificationHead
from vtn_stream.model.heads.dense import DenseHead
from vtn_stream.model.heads.linear import LinearHead, LinearSpanHead
from vtn_stream.model.heads.localization import LocalizationHead, Pyramid

__all__ = ["ClassificationHead", "DenseHead", "LinearHead", "LinearSpanHead", "LocalizationHead", "Pyramid"]
