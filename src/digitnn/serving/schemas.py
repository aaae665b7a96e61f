"""The shapes of requests and answers, for /openapi.json. Answers are made elsewhere, as bytes."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from digitnn.serving.live_training import RECIPES_OFFERED

Image = Annotated[str, Field(description="784 pixels of 28 x 28, row by row, in base64")]
Probability = Annotated[float, Field(ge=0, le=1.000001)]
Box = Annotated[
    list[int], Field(min_length=4, max_length=4, description="left, top, right, bottom")
]
Rows = list[list[float]]


class Strict(BaseModel):
    """An object without other fields."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Strict):
    """code: for programs; message: for people."""

    code: str
    message: str


class Error(Strict):
    """Every error looks like this."""

    error: ErrorDetail


class ReadDigit(Strict):
    """A digit is null if it is rejected. symbol: with `symbols=true`; image: with `images=true`."""

    digit: int | None
    confidence: Probability
    box: Box
    symbol: str | None = None
    image: Image | None = None


class ReadPicture(Strict):
    """One picture, or one page of a document. text: "?" stands for a rejected digit."""

    path: str
    page: int | None = None
    text: str
    digits: list[ReadDigit]
    notes: list[str]
    error: str | None


class ReadAnswer(Strict):
    """The object that `digitnn read --json` prints."""

    schema_: Literal[1] = Field(alias="schema")
    pictures: list[ReadPicture]


class ClassifyAnswer(Strict):
    """A row per image; an eleventh probability is that of "no digit", if the model rejects."""

    model: str
    engine: str
    digits: list[int]
    probabilities: Rows
    logits: Rows


class ModelAnswer(Strict):
    """What one model says of an image, on each engine."""

    name: str
    digit: int
    confidence: Probability
    probabilities: list[float]
    non_digit: float | None
    rejected: str
    logits: dict[str, list[float]]
    largest_difference: float | None


class Stage(Strict):
    """The output of a stage: bytes from `least` to `largest`, in base64."""

    name: str
    shape: list[int]
    least: float
    largest: float
    values: str


class SaliencyMaps(Strict):
    """Signed bytes: nats from paper to ink are value / 127 * largest."""

    predicted: int
    rival: int
    largest: float
    for_predicted: str
    against_rival: str


class Neighbour(Strict):
    """A training image."""

    label: int
    distance: float
    image: Image


class ExplainAnswer(Strict):
    """image: what the networks get. The last three are there if they are asked for."""

    blank: bool
    image: Image | None
    box: Box | None
    models: list[ModelAnswer]
    model: str
    stages: list[Stage] | None = None
    saliency: SaliencyMaps | None = None
    neighbours: list[Neighbour] | None = None


class StageShape(Strict):
    """A stage of a network, and the shape of its output."""

    name: str
    shape: list[int]


class ModelInfo(Strict):
    """A model that is served."""

    name: str
    summary: str
    parameters: int
    engines: list[str]
    rejects: bool
    stages: list[StageShape]


class RecipeInfo(Strict):
    """A recipe that can be trained live."""

    name: str
    summary: str


class TrainingInfo(Strict):
    """What can be trained live."""

    recipes: list[RecipeInfo]
    engines: list[str]


class ModelsAnswer(Strict):
    """data: whether MNIST is on the server's disk, which comparisons and training need."""

    models: list[ModelInfo]
    data: bool
    training: TrainingInfo
    version: str


class Weights(Strict):
    """Signed bytes in base64: a weight is value / 127 * largest."""

    shape: list[int]
    largest: float
    values: str


class Response(Strict):
    """A training image, and how strongly a plane responds to it."""

    label: int
    activation: float
    image: Image


class FilterAnswer(Strict):
    """The weights of a plane or unit, and the training digits that it responds to most."""

    kind: Literal["filter", "unit"]
    weights: Weights | None
    responds_to: list[Response]


class Example(Strict):
    """A digit of the validation split; predicted: what the other model says."""

    index: int
    label: int
    predicted: int
    image: Image


class Examples(Strict):
    """count: of all; examples: at most 24 of them."""

    count: int
    examples: list[Example]


class CompareAnswer(Strict):
    """Two models on the validation split."""

    first: str
    second: str
    n: int
    both_right: int
    both_wrong: int
    only_first: Examples
    only_second: Examples


class TrainingRequest(Strict):
    """What to train."""

    recipe: str = Field(
        examples=["cnn-98.7"], max_length=100, json_schema_extra={"enum": list(RECIPES_OFFERED)}
    )
    engine: Literal["scratch", "pytorch"] = Field(default="scratch", examples=["scratch"])
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class TrainingState(BaseModel):
    """Where the live training stands."""

    state: Literal["idle", "starting", "running", "paused", "done", "stopped", "failed"]
    recipe: str | None = None
    engine: str | None = None
    seed: int | None = None
    kept: str | None = None
    message: str = ""


class Tensor(Strict):
    """A tensor of the inference protocol; data: row by row."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class InferAnswer(Strict):
    """The response of the Open Inference Protocol."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]


class TensorInfo(Strict):
    """A tensor of a model; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Strict):
    """The metadata of a model in the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]


class ServerMetadata(Strict):
    """The metadata of the server in the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class Live(Strict):
    """The server is alive."""

    live: bool


class Ready(Strict):
    """The server or a model answers."""

    ready: bool


class NamedReady(Strict):
    """A model answers."""

    name: str
    ready: bool
