"""Where a row of the conformance table differs from torch.nn on purpose; docs/differences.md tells users."""

from conformance import recurrent
from conformance.attention import Decoder, Encoder
from conformance.parametrization import SpectralNorm, WeightNorm
from plaingrad import Module, nn

DIFFERENCES: dict[tuple[type[Module], str], str] = {
    (nn.Norm, "number for NaN"): "torch multiplies an infinite gradient by a slope of 0",
    (nn.LocalResponseNorm, "number for NaN"): "torch divides infinite parts by each other",
    **{
        (kind, "cancelling parts"): "torch subtracts the mean after it has divided by the deviation"
        for kind in (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    },
    **{
        (kind, "infinite terms"): "its layers add infinite terms of both signs in another order"
        for kind in (
            *(nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.Transformer),
            *(Encoder, Decoder, SpectralNorm, WeightNorm),
        )
    },
    (nn.Amax, "number for NaN"): "torch shares the gradient of NaN among no elements",
    (nn.Einsum, "infinite terms"): "torch sums infinite terms in another order",
    (nn.Multiply, "infinite terms"): "torch multiplies several factors in another order",
    (nn.Softsign, "number for NaN"): "torch composes it, and a part is infinity over infinity",
    (nn.Tanhshrink, "number for NaN"): "torch composes it, and adds infinite parts of both signs",
    (
        nn.GELU,
        "number for NaN",
    ): "torch loses a slope that nearly vanishes, and infinity times 0 is no number",
    (nn.PoissonNLLLoss, "number for NaN"): "torch adds infinite parts of both signs of the gradient",
    (nn.BCELoss, "float32 constant"): "torch keeps 1e-12 in single precision, also for double precision",
    (nn.RMSNorm, "infinite terms"): "the order of adding makes NaN or infinity of terms that are infinite",
    (nn.BCEWithLogitsLoss, "infinite terms"): "torch adds the parts of an infinite gradient in another order",
    (nn.LayerNorm, "infinite terms"): "the order of adding makes NaN or infinity of terms that are infinite",
    (nn.ConvTranspose1d, "infinite terms"): "a zero of the margin times infinity is no number",
    (nn.ConvTranspose2d, "infinite terms"): "a zero of the margin times infinity is no number",
    (nn.ConvTranspose3d, "infinite terms"): "a zero of the margin times infinity is no number",
    **{
        (
            kind,
            "infinite terms",
        ): "torch multiplies infinite factors in another order, 0 among them"
        for kind in (nn.RNN, nn.GRU, recurrent.LSTM, nn.RNNCell, nn.GRUCell, recurrent.LSTMCell)
    },
    (nn.LocalResponseNorm, "infinite terms"): "torch divides by one more power after the other",
    **{
        (kind, "computed without elements"): "torch has no gradient of nothing"
        for kind in (nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle)
    },
    **{
        (kind, "cancelling parts"): "its norms enlarge what the layers before them round"
        for kind in (
            *(nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.Transformer),
            *(Encoder, Decoder),
        )
    },
    (nn.GroupNorm, "cancelling parts"): "torch subtracts the mean after it has divided by the deviation",
    (nn.GroupNorm, "nothing changes"): "torch takes a mean of nothing for the gradient of the weight",
    (nn.Bilinear, "infinite terms"): "the order of adding makes NaN or infinity of terms that are infinite",
    (nn.CosineSimilarity, "infinite terms"): "torch subtracts infinite parts of both signs",
    (nn.GroupNorm, "infinite terms"): "the order of adding makes NaN or infinity of terms that are infinite",
    (nn.BCEWithLogitsLoss, "number for NaN"): "torch subtracts infinite parts of an infinite logit's loss",
    (nn.CrossEntropyLoss, "number for NaN"): "what is ignored counts for nothing, whatever its logits are",
    (
        nn.LinearCrossEntropyLoss,
        "number for NaN",
    ): "what is ignored counts for nothing, as in CrossEntropyLoss",
    (nn.MultiMarginLoss, "number for NaN"): "torch multiplies an infinite gradient by a slope of 0",
    (nn.NLLLoss, "computed"): "torch cannot take images with no class, even if all targets are ignored",
    (
        nn.CrossEntropyLoss,
        "computed",
    ): "torch cannot take images with no class, even if all targets are ignored",
    **{
        (kind, "refused"): "torch does not look at num_features where it keeps no statistics"
        for kind in (
            *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
            *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.GroupNorm),
        )
    },
    **{
        (kind, difference): reason
        for kind in (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
        for difference, reason in {
            "computed without elements": "torch looks for the first of no samples, if there is a weight",
            "statistics kept": "torch takes the mean over no samples",
        }.items()
    },
    **{
        (kind, "number for NaN"): "torch composes it, and a part is infinity times 0"
        for kind in (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
    },
    **{
        (
            getattr(nn, f"{name}{axes}d"),
            "computed",
        ): "torch takes some batches without channels, and others not"
        for name in ("AdaptiveAvgPool", "AdaptiveMaxPool", "MaxUnpool")
        for axes in (1, 2, 3)
    },
    (nn.PairwiseDistance, "number for NaN"): "torch multiplies an infinite gradient by a slope of 0",
    (nn.TripletMarginLoss, "number for NaN"): "torch multiplies the slopes of distances that are no number",
    (nn.TripletMarginWithDistanceLoss, "number for NaN"): "torch multiplies slopes that are no number",
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
    **{
        (kind, difference): reason
        for kind in (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
        for difference, reason in {
            "number for NaN": "torch multiplies by a weight of 0 along an axis that stays as it is",
            "infinite terms": "the order of adding makes NaN or infinity of terms that are infinite",
        }.items()
    },
    (nn.MultiMarginLoss, "mean of nothing"): "torch returns memory that it has not written to",
    (nn.MultiLabelMarginLoss, "mean of nothing"): "torch returns memory that it has not written to",
    (
        nn.Embedding,
        "no difference",
    ): "padding_idx, max_norm and scale_grad_by_freq make it none of the derivative",
    (nn.EmbeddingBag, "computed without elements"): "torch takes no steps of size 0",
    (nn.EmbeddingBag, "no difference"): "as for Embedding",
    (SpectralNorm, "constants that move"): "in training u and v follow the weight, but count as constants",
    (nn.EmbeddingBag, "half sums"): "vectors that are shortened are rounded to half precision",
    (nn.Embedding, "half sums"): "the gradients of a row that is repeated are added up in half precision",
}
