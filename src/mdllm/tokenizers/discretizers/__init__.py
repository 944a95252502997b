"""One code per frame: bins of a variable, nearest of given centers, k-centers by RMSD."""
