from .poet import Poet as Poet
