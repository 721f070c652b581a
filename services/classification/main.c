/*
 * NAME      redress-classification - says what a grievance is about, in which language, how urgent
 * READS     grievances.received
 * WRITES    cases.commands (Open)
 *
 * Opens the text with its role key, asks the classifier (classify.c), and sends the command that
 * opens the case. Below the model's threshold it abstains, and a person decides. SIGHUP reloads the
 * model.
 *
 * ON FAILURE  A grievance that cannot be read or opened goes to grievances.received.dead.
 */
#include "classification.h"

int main(int argc, char **argv)
{
	return service_main(argc, argv, &classification_service);
}
