"""The admission of people: roles, invitations and devices."""
