"""`python -m sub_site`: the same as the command `evalroom-site`."""

from sub_site.cli import main

if __name__ == "__main__":
    main()
