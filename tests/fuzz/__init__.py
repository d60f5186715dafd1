"""Random configurations of every class of plaingrad.nn that torch.nn has, held against torch.nn."""
