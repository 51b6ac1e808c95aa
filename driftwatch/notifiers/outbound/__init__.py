"""HTTP to receivers outside: checked addresses, one deadline for everything, bounded replies, no redirects, no proxies."""
