"""The Lua scripts of the Redis stores, and what their replies mean.

Redis runs a script as one atomic step. But it acknowledges a write before it is on a disk or a
replica, so a server that was restarted or failed over may have lost redemptions. A nonce is
therefore stored with the *state* of the server that issued it, and redeemed only by a server in the
same state: its run id, which is new with every start, and its replication id, which is new with
every promotion (so that a server which was a replica in between is not taken for its former self).
What is outstanding when the state changes is void.
"""

import hashlib
from typing import Final, NamedTuple, final

from nitro_attest import Reason
from nitro_attest.nonces._store import NonceStoreUnavailableError, rejected


@final
class Script(NamedTuple):
    """A Lua script, and the SHA-1 under which Redis keeps it."""

    text: str
    sha1: str


def _script(body: str) -> Script:
    text = _STATE + body
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


DONE: Final = 1
_REFUSED: Final = {
    0: Reason.FRESHNESS_NONCE_UNKNOWN,
    2: Reason.FRESHNESS_NONCE_USED,
}
_PROBLEMS: Final = {
    -1: "the server doesn't tell its run id; allow this user INFO (ACL SETUSER name +info)",
    -2: "the server is a replica; connect to the primary",
    -3: "the server may evict nonces when its memory is full; set maxmemory-policy to noeviction",
}

_STATE: Final = """
-- Redis before 7 allows no write after INFO or TIME unless effects are replicated.
if redis.replicate_commands then redis.replicate_commands() end
local function info(section, name)
  local answer = redis.pcall('INFO', section)
  if type(answer) ~= 'string' then return nil end
  return string.match(answer, '\\n' .. name .. ':([^\\r\\n]+)')
end
local run, replication = info('server', 'run_id'), info('replication', 'master_replid')
if not run or not replication then return -1 end
if info('replication', 'role') ~= 'master' then return -2 end
local state = run .. replication
"""

_NO_EVICTION: Final = """
if info('memory', 'maxmemory_policy') ~= 'noeviction' then return -3 end
"""

# KEYS: the nonce. ARGV: its time to live in ms.
ISSUE: Final = _script(
    _NO_EVICTION
    + """
redis.call('SET', KEYS[1], state, 'PX', ARGV[1])
return 1
"""
)

# KEYS: the nonce. What stays of a nonce that is redeemed serves only to name the reason.
REDEEM: Final = _script("""
local found = redis.call('GET', KEYS[1])
if not found then return 0 end
if found == 'used' then return 2 end
local left = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
if found ~= state or left < 1 then return 0 end
redis.call('SET', KEYS[1], 'used', 'PX', left)
return 1
""")

# KEYS: the claim, the beginning of the store's memory. ARGV: how long to remember, the age, in ms.
# A server that has evicted keys, while its policy was another, may have forgotten claims.
CLAIM: Final = _script(
    _NO_EVICTION
    + """
local evicted = info('stats', 'evicted_keys')
if not evicted then return -1 end
state = state .. ' ' .. evicted
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local memory = redis.call('GET', KEYS[2])
local began = memory and tonumber(string.match(memory, '^' .. state .. ' (%d+)$'))
if not began then
  began = now
  redis.call('SET', KEYS[2], state .. string.format(' %.0f', now))
end
if now - began < tonumber(ARGV[2]) then return 0 end
if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 1 end
return 2
"""
)


def settle(reply: object, store: str) -> None:
    """Return if the reply of a script says that it is done, and raise what else it says.

    Raises:
        StaleDocumentError: `freshness.nonce_unknown`, `freshness.nonce_used`.
        NonceStoreUnavailableError: The server can't be relied on, or the reply is none of ours.

    """
    if type(reply) is not int or (reply not in _REFUSED and reply != DONE):
        problem = _PROBLEMS.get(reply) if type(reply) is int else None
        raise NonceStoreUnavailableError(store, problem or "the server's reply has another form")
    if reply != DONE:
        raise rejected(_REFUSED[reply])
