from .saved_model import export_model as export_model
from .saved_model import load as load
from .saved_model import load_model as load_model
from .saved_model import load_poet as load_poet
from .saved_model import publish as publish
from .versions import find_model as find_model
