from .perplexity import Evaluation as Evaluation
from .perplexity import Score as Score
from .perplexity import evaluate as evaluate
from .perplexity import evaluator as evaluator
from .perplexity import perplexity as perplexity
from .perplexity import stream_evaluator as stream_evaluator
