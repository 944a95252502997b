"""Raw frames to whole backbones (or chosen atoms) with time, segment and state."""
