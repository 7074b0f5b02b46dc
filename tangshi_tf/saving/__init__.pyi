from .model_card import publish as publish
