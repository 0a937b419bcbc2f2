server NAME resolve: the group follows the name's addresses as the name servers of resolver give them.
