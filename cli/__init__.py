"""The command line: click commands, no logic. Installed as vtn_stream_cli."""
