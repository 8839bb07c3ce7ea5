"""What can be wrong with a formula, its inputs or its run; each names the member it is about."""

from evalroom.errors import Refusal


class FormulaMalformed(Refusal):
    """The price formula has another form than the rules allow: correct the member named. Nothing was computed."""

    code = "formula_malformed"


class FormulaWithoutSample(Refusal):
    """A price formula needs a worked sample, so that everybody can check what it means: add bids and their scores."""

    code = "formula_without_sample"


class SampleDiffers(Refusal):
    """The worked sample gives another score than the tender says: correct the formula or the sample, not both at once."""

    code = "sample_differs"


class BadPriceInput(Refusal):
    """A bid or a given value cannot be computed with: correct the field named. Nothing was computed."""

    code = "price_input"


class NothingToPrice(Refusal):
    """No bid has an admissible price, so the formula has no base: the lot cannot be priced."""

    code = "nothing_to_price"


class TrimsTooMany(Refusal):
    """The trim table leaves out as many bids as there are: no price is left, and the formula has no result."""

    code = "trims_too_many"


class FormulaUndefined(Refusal):
    """The formula has no value for these bids, such as a division by zero or the mean of no bid: there is no result."""

    code = "formula_undefined"
