-- Requests of which no two are the same, and answers neither.
local number = 0

function request()
  number = number + 1
  local path = "/varied/" .. number .. "?page=" .. number
  return wrk.format("GET", path, { ["Cookie"] = "session=" .. number })
end
