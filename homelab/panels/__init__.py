"""Controls for those who read in JupyterLab; where nobody can press them, the same cell shows a picture."""
