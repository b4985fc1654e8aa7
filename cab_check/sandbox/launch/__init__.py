"""What runs in the launcher process: a clean interpreter that builds walls and forks commands behind them.

Nothing here imports asyncio, httpx or anything above this folder, so that the launcher starts fast and holds
no memory but its own.
"""
