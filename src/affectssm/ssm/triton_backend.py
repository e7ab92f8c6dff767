"""placeholder"""
NAME = "triton"
def why_not(asked): return "triton is not installed"
