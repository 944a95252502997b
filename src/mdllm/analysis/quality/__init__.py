"""Whether generated frames are proteins: bonds, angles, clashes, Ramachandran."""
