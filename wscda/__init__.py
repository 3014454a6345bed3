"""WS-CDA and PPLO: cross-domain adaptation between humans, labelled and unlabelled animals (Cao et al., ICCV 2019)."""
