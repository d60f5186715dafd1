"""Where a row of the conformance table differs from torch.nn on purpose; docs/differences.md tells users."""

from plaingrad import Module, nn

DIFFERENCES: dict[tuple[type[Module], str], str] = {
    (nn.Softsign, "number for NaN"): "torch composes it, and a part is infinity over infinity",
    (nn.Tanhshrink, "number for NaN"): "torch composes it, and adds infinite parts of both signs",
    (
        nn.GELU,
        "number for NaN",
    ): "torch loses a slope that nearly vanishes, and infinity times 0 is no number",
    (nn.PoissonNLLLoss, "number for NaN"): "torch adds infinite parts of both signs of the gradient",
    (nn.BCELoss, "float32 constant"): "torch keeps 1e-12 in single precision, also for double precision",
    (nn.LayerNorm, "infinite terms"): "the order of adding makes NaN or infinity of terms that are infinite",
    (nn.BCEWithLogitsLoss, "number for NaN"): "torch subtracts infinite parts of an infinite logit's loss",
    (nn.CrossEntropyLoss, "number for NaN"): "what is ignored counts for nothing, whatever its logits are",
    (nn.NLLLoss, "computed"): "torch cannot take images with no class, even if all targets are ignored",
    (
        nn.CrossEntropyLoss,
        "computed",
    ): "torch cannot take images with no class, even if all targets are ignored",
    (nn.KLDivLoss, "number for NaN"): "an element with no mass counts for nothing, whatever its logarithm is",
    (nn.GaussianNLLLoss, "number for NaN"): "torch adds infinite parts of both signs of the gradient",
    (nn.CosineEmbeddingLoss, "number for NaN"): "torch adds infinite parts of both signs of the gradient",
    (nn.HingeEmbeddingLoss, "number for NaN"): "for a target of 0 the gradients of both parts cancel",
    (nn.SoftMarginLoss, "number for infinity"): "torch overflows in the exponential of a score above 88",
    (
        nn.MultiLabelSoftMarginLoss,
        "number for NaN",
    ): "torch subtracts infinite parts of an infinite logit's loss",
    (nn.CTCLoss, "number for NaN"): "torch adds the derivative of a log-softmax, which is infinite too",
    (nn.CTCLoss, "infinite terms"): "torch adds the derivative of a log-softmax, which is infinite too",
    (nn.MultiMarginLoss, "mean of nothing"): "torch returns memory that it has not written to",
    (nn.MultiLabelMarginLoss, "mean of nothing"): "torch returns memory that it has not written to",
    (nn.BatchNorm1d, "refused"): "torch does not look at num_features where it keeps no statistics",
    (
        nn.Embedding,
        "no difference",
    ): "padding_idx, max_norm and scale_grad_by_freq make it none of the derivative",
    (nn.Embedding, "half sums"): "the gradients of a row that is repeated are added up in half precision",
}
