"""What the memory tracker lets Redis do by itself: to save traffic, and to leave no gap in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sardana_redis.keys import SEAL_ID
from sardana_redis.store._link import Command

__all__ = ["STREAMS_AT_ONCE", "standings_command", "times_command", "trim_command"]

STREAMS_AT_ONCE: Final = 50
"""Redis serves nobody else while a script runs."""

# The entries themselves stay in Redis: one of them may have megabytes.
_STANDINGS: Final = """
local function field(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
  return false
end
local found = {}
for i, key in ipairs(KEYS) do
  local last = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
  if last.err then
    found[i] = last.err
  elseif #last == 0 then
    found[i] = {}
  else
    last = last[1]
    local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
    found[i] = {first[1], field(first, 'len'),
                last[1], field(last, 'len'), field(last, 'id'), field(last, 't')}
  end
end
return found
"""

# Cuts at the edge of an entry, below the seal and below the last entry of an open stream,
# whatever happened to the stream since somebody looked at it.
_TRIM: Final = f"""
local done = {{}}
for i, key in ipairs(KEYS) do
  local up_to = tonumber(ARGV[i])
  local below = redis.pcall('XREVRANGE', key, '(' .. ARGV[i] .. '-0', '-', 'COUNT', 1)
  if below.err then
    done[i] = false
  elseif #below == 0 then
    done[i] = {{0, 0}}
  else
    local first = tonumber(string.match(below[1][1], '^%d+'))
    local length = 1
    for j = 1, #below[1][2], 2 do
      if below[1][2][j] == 'len' then length = tonumber(below[1][2][j + 1]) or 1 end
    end
    if first + length > up_to then up_to = first end
    local top = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1][1]
    local last = string.match(top, '^%d+')
    if last ~= '{SEAL_ID}' and up_to > tonumber(last) then up_to = tonumber(last) end
    done[i] = {{redis.call('XTRIM', key, 'MINID', string.format('%d-0', up_to)), up_to}}
  end
end
return done
"""

# The entry that holds the point; where that is gone the first one behind it.
_TIMES: Final = """
local function fields(entry)
  local found = {}
  for i = 1, #entry[2], 2 do found[entry[2][i]] = entry[2][i + 1] end
  return found
end
local times = {}
for i, key in ipairs(KEYS) do
  local point = tonumber(ARGV[i])
  local entry = redis.pcall('XREVRANGE', key, ARGV[i], '-', 'COUNT', 1)
  times[i] = false
  if not entry.err then
    entry = entry[1]
    if entry then
      local first = tonumber(string.match(entry[1], '^%d+'))
      if first + (tonumber(fields(entry)['len']) or 1) <= point then entry = nil end
    end
    entry = entry or redis.call('XRANGE', key, ARGV[i], '+', 'COUNT', 1)[1]
    if entry then times[i] = fields(entry)['t'] or false end
  end
end
return times
"""


def times_command(points: Sequence[tuple[str, int]]) -> Command:
    """Asks when these points of streams were sent, or the first one behind that is there."""
    keys, numbers = zip(*points, strict=True)
    return ("EVAL_RO", _TIMES, len(points), *keys, *numbers)


def standings_command(stream_keys: Sequence[str]) -> Command:
    """Asks for the edges of the streams' first and last entries, without their data."""
    return ("EVAL_RO", _STANDINGS, len(stream_keys), *stream_keys)


def trim_command(cuts: Sequence[tuple[str, int]]) -> Command:
    """Removes of each stream the entries that lie wholly below the point."""
    keys, points = zip(*cuts, strict=True)
    return ("EVAL", _TRIM, len(cuts), *keys, *points)
