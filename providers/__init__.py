"""How each cloud is asked: one adapter a cloud, all behind one port."""
