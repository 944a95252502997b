"""One code per frame: named states, bins or numbers of a variable, nearest of given centers, k-centers by RMSD."""
