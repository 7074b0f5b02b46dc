from .poetry_model import PoetryModel as PoetryModel
