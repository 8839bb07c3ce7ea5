"""`python -m main_site`: the same as the command `evalroom`."""

from main_site.cli import main

if __name__ == "__main__":
    main()
