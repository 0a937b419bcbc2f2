proxy_force_ranges answers requests for a part of what an upstream sends, whatever its Accept-Ranges say.
