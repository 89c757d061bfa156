"""placeholder"""
from torch import nn
class PPLCNetV2Embedder(nn.Module): pass
