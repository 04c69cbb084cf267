"""Words for the library: click commands, no logic. Installed as vtn_stream_cli."""
