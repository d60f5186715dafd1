"""Embeddings: tables of learned vectors."""

from plaingrad.nn.embedding.bag import EmbeddingBag
from plaingrad.nn.embedding.column import ColumnEmbedding
from plaingrad.nn.embedding.embedding import Embedding

__all__ = ["ColumnEmbedding", "Embedding", "EmbeddingBag"]
