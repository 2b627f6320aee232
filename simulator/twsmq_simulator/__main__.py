from twsmq_simulator.cli import main

main()
